a = "x\r\ny"
