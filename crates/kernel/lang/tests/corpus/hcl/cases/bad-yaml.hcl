a:
  b: 1
