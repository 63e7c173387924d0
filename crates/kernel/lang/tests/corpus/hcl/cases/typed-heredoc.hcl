name = <<EOF
text
EOF
