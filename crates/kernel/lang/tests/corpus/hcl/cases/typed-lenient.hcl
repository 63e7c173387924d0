name = 12
count = "0x10"
ratio = 2
