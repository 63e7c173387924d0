b {
  list = [
"one",
      "two", "three"]
  x = 1
}
