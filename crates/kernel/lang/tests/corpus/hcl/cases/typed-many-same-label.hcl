many "x" { path = "p" }
many "x" { path = "q" }
