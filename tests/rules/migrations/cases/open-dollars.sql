-- expect: unreadable@2
DO $x$ BEGIN
