a = "${file("x.txt")} and ${b["k"]}"
