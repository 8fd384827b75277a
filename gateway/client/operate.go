package client

import (
	"context"

	"tongma/standard/wire"
)

// Operate has the node that answers do something about a system, and gives the system after it; it needs the role operator. It holds, also
// after a restart, until another action takes its place. A refusal for CodeRecord says that it was not done. After [ErrUnreachable] nobody
// knows: look at [Client.State], or do it again, which never harms.
func (c *Client) Operate(ctx context.Context, o wire.Order) (*wire.SystemState, error) {
	state := new(wire.SystemState)
	if err := c.callSM2(ctx, "/v1/admin/systems", o, state, false); err != nil {
		return nil, err
	}
	return state, nil
}

// State gives how all systems and their guards stand on the node that answers.
func (c *Client) State(ctx context.Context) (*wire.State, error) {
	state := new(wire.State)
	if err := c.callSM2(ctx, "/v1/admin/state", struct{}{}, state, true); err != nil {
		return nil, err
	}
	return state, nil
}

// Operations gives the last operations that the node has recorded, 1 to [wire.MaxOperations] of them, the newest first.
func (c *Client) Operations(ctx context.Context, last int) ([]wire.Operation, error) {
	asked := struct {
		Last int `json:"last"`
	}{last}
	var answer wire.Operations
	if err := c.callSM2(ctx, "/v1/admin/operations", asked, &answer, true); err != nil {
		return nil, err
	}
	return answer.Operations, nil
}
