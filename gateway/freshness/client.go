package freshness

import "github.com/redis/go-redis/v9"

// Client makes a client of this Redis, with the limits of this package, for what else the nodes share there.
func (c SharedConfig) Client() (redis.UniversalClient, error) {
	options, err := c.options()
	if err != nil {
		return nil, err
	}
	return redis.NewUniversalClient(options), nil
}
