a = <<-EOF
  foo
    EOF
