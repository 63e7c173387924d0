many "x" {
  path = "p"
}
many "y" {
  path = "q"
  size = 2
}
