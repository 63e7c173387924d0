"a\nb\u00e9" = 1
