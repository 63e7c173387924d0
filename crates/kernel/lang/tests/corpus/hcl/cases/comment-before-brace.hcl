b /* why */ {
  x = 1
}
