// Package storetest gives tests a store of each kind, a PostgreSQL of their own, and a disk that fails.
//
//	storetest.Each(t, func(t *testing.T, s *store.Store) { … })  // as subtests sqlite and postgres, each with a migrated, empty store
//
//	url := storetest.PostgresURL(t)    // an empty database in the one server of this test binary
//	server := storetest.StartPostgres(t) // a server for this test alone, to be killed and started anew
//
//	disk := storetest.NewDisk(t)       // a folder whose SQLite files forget at a crash what was not synced
//	s := storetest.Open(t, disk.URL())
//
// Where PostgreSQL is not installed, what needs it is skipped.
package storetest
