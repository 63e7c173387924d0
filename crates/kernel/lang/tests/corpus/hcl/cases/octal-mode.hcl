mode = 0600
wide = 0777
zero = 0
double = 00
