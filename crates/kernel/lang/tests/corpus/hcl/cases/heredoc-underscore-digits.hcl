a = <<END_1
x
END_1
