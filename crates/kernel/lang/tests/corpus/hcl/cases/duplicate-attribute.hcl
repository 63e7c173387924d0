level = "info"
level = "debug"
