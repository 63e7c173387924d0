a = <<-EOF
foo
EOF
