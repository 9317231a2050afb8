-- expect: nothing
DO $$
	<< fill >>
BEGIN
	IF(NOT EXISTS (
		SELECT 1 FROM publicrooms)) THEN
		INSERT INTO publicrooms (id) SELECT r.id FROM rooms r WHERE r.kind = 'O';
	END IF;
END fill
$$;
