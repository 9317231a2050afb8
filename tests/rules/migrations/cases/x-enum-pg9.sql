-- expect: enum-add-value-in-transaction@4
-- pg-version: 9
-- in-transaction: yes
alter type s add value if not exists 'b';
