a = "#no" # yes // yes
b = "//no"
