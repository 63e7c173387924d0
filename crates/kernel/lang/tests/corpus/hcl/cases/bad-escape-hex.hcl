a = "\xg0"
