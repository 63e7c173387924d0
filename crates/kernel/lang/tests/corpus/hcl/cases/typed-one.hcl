one {
  path = "p"
  size = 7
}
