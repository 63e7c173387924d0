a = <EOF
EOF
