-- expect: drop-database@2
drop database "Old App";
