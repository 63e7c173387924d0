b {
  a = 1 # one
  long_key = "xyz" # two
  mid = [1, 2] # three
}
