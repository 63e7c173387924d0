trueish = 1
false_ = 2
null = 3
