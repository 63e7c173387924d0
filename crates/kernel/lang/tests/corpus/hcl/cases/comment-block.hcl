/* top */ a /* mid */ = /* more */ 1
/* two
   lines */
b = 2
