<<EOF = 1
EOF
