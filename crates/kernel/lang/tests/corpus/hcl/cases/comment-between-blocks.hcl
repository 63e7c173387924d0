a {
  x = 1
}

# about b
b {
  y = 2
}

# detached

c {
  z = 3
}
