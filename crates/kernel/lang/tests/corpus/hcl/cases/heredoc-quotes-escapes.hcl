a = <<EOF
"quoted" \n ${x} # not a comment
EOF
