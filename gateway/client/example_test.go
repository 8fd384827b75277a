package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"

	"tongma/gateway/client"
	"tongma/standard"
	"tongma/standard/sm"
)

func ExampleClient_Verify() {
	gatewayKey, _ := sm.GenerateKey() // in earnest: sm.ParsePublicKeyPEM of a file that the gateway's operator gave
	key, _ := sm.GenerateKey()        // in earnest: sm.ParsePrivateKeyPEM
	impostor := httptest.NewServer(http.NotFoundHandler())
	defer impostor.Close()

	c, err := client.New(client.Config{
		URL:        impostor.URL,
		GatewayID:  "node-1",
		GatewayKey: gatewayKey.Public(),
		Rid:        "gate-7",
		KeyID:      "k1",
		Key:        key,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	defer c.Close()

	v, err := c.Verify(context.Background(), &standard.Request{
		Scan:  "https://s.sh.gov.cn/…",
		Place: standard.Place{Region: "310104"},
	})
	refused, isRefused := errors.AsType[*client.RefusedError](err)
	switch {
	case err == nil:
		fmt.Println(v.Outcome, v.Decision.Action, v.Decision.Reason.En)
	case isRefused:
		fmt.Println(refused, refused.Todo())
	case errors.Is(err, client.ErrSignature):
		fmt.Println("not our gateway: let nobody pass on its word")
	case errors.Is(err, client.ErrUnreachable):
		fmt.Println("use the procedure for when the network is down")
	}
	// Output: not our gateway: let nobody pass on its word
}
