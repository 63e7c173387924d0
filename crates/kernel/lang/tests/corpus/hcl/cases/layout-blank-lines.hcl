

a = 1



b = 2


c {


  x = 1



  y = 2

}
