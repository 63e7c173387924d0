a = [
  # first
  1,
  2, # second
  // third
  3
]
