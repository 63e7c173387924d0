# comment
name = "x"
block "b" {
  text = <<EOT
one
two
EOT
}
