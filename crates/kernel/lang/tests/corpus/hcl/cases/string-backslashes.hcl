path = "C:\\arca\\data"
