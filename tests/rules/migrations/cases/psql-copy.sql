-- expect: unreadable@2
\copy t from 'x.csv' csv
