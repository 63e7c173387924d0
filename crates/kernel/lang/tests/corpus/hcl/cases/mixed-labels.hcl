rule charset "x" {
  min-chars = 1
}
