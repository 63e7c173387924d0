# top
a = 1 # behind
# end
