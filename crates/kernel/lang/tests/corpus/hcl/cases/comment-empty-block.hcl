b {
  # nothing yet
}
