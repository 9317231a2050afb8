-- expect: nothing
ALTER FUNCTION tax(int) RENAME TO vat;
