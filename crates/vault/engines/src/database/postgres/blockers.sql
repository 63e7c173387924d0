WITH role AS (SELECT oid, quote_ident(rolname) AS name FROM pg_catalog.pg_roles WHERE oid = $1),
held AS (
    SELECT DISTINCT d.classid, d.objid, d.deptype, d.dbid
    FROM pg_catalog.pg_shdepend d
    WHERE d.refclassid = 'pg_catalog.pg_authid'::regclass
      AND d.refobjid = $1
      AND d.dbid IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))
)
SELECT 'REVOKE ALL PRIVILEGES ON '
       || CASE h.classid
            WHEN 'pg_catalog.pg_class'::regclass THEN
                (SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END
                        || quote_ident(n.nspname) || '.' || quote_ident(c.relname)
                 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                 WHERE c.oid = h.objid)
            WHEN 'pg_catalog.pg_namespace'::regclass THEN
                (SELECT 'SCHEMA ' || quote_ident(nspname) FROM pg_catalog.pg_namespace WHERE oid = h.objid)
            WHEN 'pg_catalog.pg_database'::regclass THEN
                (SELECT 'DATABASE ' || quote_ident(datname) FROM pg_catalog.pg_database WHERE oid = h.objid)
            WHEN 'pg_catalog.pg_tablespace'::regclass THEN
                (SELECT 'TABLESPACE ' || quote_ident(spcname) FROM pg_catalog.pg_tablespace WHERE oid = h.objid)
            WHEN 'pg_catalog.pg_proc'::regclass THEN 'ROUTINE ' || h.objid::regprocedure
            WHEN 'pg_catalog.pg_type'::regclass THEN 'TYPE ' || h.objid::regtype
            WHEN 'pg_catalog.pg_language'::regclass THEN
                (SELECT 'LANGUAGE ' || quote_ident(lanname) FROM pg_catalog.pg_language WHERE oid = h.objid)
            WHEN 'pg_catalog.pg_foreign_data_wrapper'::regclass THEN
                (SELECT 'FOREIGN DATA WRAPPER ' || quote_ident(fdwname)
                 FROM pg_catalog.pg_foreign_data_wrapper WHERE oid = h.objid)
            WHEN 'pg_catalog.pg_foreign_server'::regclass THEN
                (SELECT 'FOREIGN SERVER ' || quote_ident(srvname)
                 FROM pg_catalog.pg_foreign_server WHERE oid = h.objid)
            WHEN 'pg_catalog.pg_largeobject'::regclass THEN 'LARGE OBJECT ' || h.objid
          END
       || ' FROM ' || role.name || ' CASCADE',
       NULL::text,
       NULL::text
FROM held h, role
WHERE h.deptype = 'a' AND h.classid <> 'pg_catalog.pg_default_acl'::regclass
UNION ALL
SELECT 'ALTER DEFAULT PRIVILEGES FOR ROLE ' || quote_ident(pg_get_userbyid(a.defaclrole))
       || coalesce((SELECT ' IN SCHEMA ' || quote_ident(nspname)
                    FROM pg_catalog.pg_namespace WHERE oid = a.defaclnamespace), '')
       || ' REVOKE ALL PRIVILEGES ON '
       || CASE a.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS'
                               WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' END
       || ' FROM ' || role.name || ' CASCADE',
       NULL,
       NULL
FROM held h JOIN pg_catalog.pg_default_acl a ON a.oid = h.objid, role
WHERE h.deptype = 'a' AND h.classid = 'pg_catalog.pg_default_acl'::regclass
UNION ALL
SELECT NULL, pg_describe_object(h.classid, h.objid, 0), NULL
FROM held h
WHERE h.deptype NOT IN ('a', 'i')
UNION ALL
SELECT NULL, NULL, b.datname::text
FROM pg_catalog.pg_shdepend d JOIN pg_catalog.pg_database b ON b.oid = d.dbid
WHERE d.refclassid = 'pg_catalog.pg_authid'::regclass
  AND d.refobjid = $1
  AND b.datname <> current_database()
GROUP BY b.datname
