b "x" {
  text = <<-EOT
    hello
    EOT
  y = 1
}
