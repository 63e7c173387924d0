a = [<<ONE
x
ONE
, <<TWO
y
TWO
]
