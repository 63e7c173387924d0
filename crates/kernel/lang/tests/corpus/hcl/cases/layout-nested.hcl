a {
 b "x" {
  c = 1 }
 d = 2
}
