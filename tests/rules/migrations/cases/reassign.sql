-- expect: nothing
REASSIGN OWNED BY old_user TO app;
