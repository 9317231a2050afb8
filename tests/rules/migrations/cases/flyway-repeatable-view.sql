-- expect: nothing
-- in-transaction: yes
CREATE OR REPLACE VIEW reporting.v_orders AS
SELECT o.id, o.total, u.email FROM orders o JOIN users u ON u.id = o.user_id;
GRANT SELECT ON reporting.v_orders TO reporting;
