// Command client stores cards in a running vault and reveals them again: what a Go service needs
// of Cardvault, and no more. Usage: client ADDRESS PKI CUSTOMER
package main

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	vaultv1 "cardvault.example/client/gen/cardvault/vault/v1"
)

//go:generate buf generate
//go:generate cp ../../../client/cardvault/service_config.json gen/

// serviceConfig has gRPC try again what the vault says may be tried again (UNAVAILABLE).
//
//go:embed gen/service_config.json
var serviceConfig string

// callDeadline is for a call with all its retries: without one it could wait for ever.
const callDeadline = 10 * time.Second

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: client ADDRESS PKI CUSTOMER")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, explain(err))
		os.Exit(1)
	}
}

// run stores cards as the application, and reveals them as the payment service provider: two
// identities, for who takes cards in has no need to see their numbers again.
func run(address, pki, customer string) error {
	app, err := connect(address, filepath.Join(pki, "ca.pem"), filepath.Join(pki, "app"))
	if err != nil {
		return err
	}
	defer app.Close()
	psp, err := connect(address, filepath.Join(pki, "ca.pem"), filepath.Join(pki, "psp"))
	if err != nil {
		return err
	}
	defer psp.Close()

	token, err := store(vaultv1.NewVaultServiceClient(app), customer)
	if err != nil {
		return err
	}
	tokens, err := storeMany(vaultv1.NewVaultServiceClient(app), customer)
	if err != nil {
		return err
	}
	if err := revealMany(vaultv1.NewRevealServiceClient(psp), tokens); err != nil {
		return err
	}
	if err := reveal(vaultv1.NewRevealServiceClient(psp), token); err != nil {
		return err
	}
	return mayNotReveal(vaultv1.NewRevealServiceClient(app), token)
}

// store stores a card twice with one request id, as after an answer that got lost: it is applied
// once, and the second answer is the first one again.
func store(vault vaultv1.VaultServiceClient, customer string) (string, error) {
	request := newCard(customer, "4111111111111111")
	var token string
	for _, what := range []string{"stored", "again"} {
		reply, err := call(vault.Tokenize, request)
		if err != nil {
			return "", err
		}
		token = reply.Card.Token
		fmt.Printf("%s, created=%t\n", masked(what, reply.Card), reply.Created)
	}
	return token, nil
}

// storeMany stores a batch, of which each card succeeds or fails alone: here one has a typing error.
func storeMany(vault vaultv1.VaultServiceClient, customer string) ([]string, error) {
	var requests []*vaultv1.TokenizeRequest // made once: a retry sends the same
	for _, number := range []string{"5555555555554444", "378282246310005", "4111111111111112"} {
		requests = append(requests, newCard(customer, number))
	}
	reply, err := call(vault.BatchTokenize, &vaultv1.BatchTokenizeRequest{Requests: requests})
	if err != nil {
		return nil, err
	}
	var tokens []string
	for _, result := range reply.Results {
		if failure := result.GetError(); failure != nil {
			fmt.Printf("batch: %s\n", reason(status.FromProto(failure)))
			continue
		}
		card := result.GetResponse().Card
		tokens = append(tokens, card.Token)
		fmt.Println(masked("batch", card))
	}
	return tokens, nil
}

// revealMany reveals cards of a batch, in one audit record each that was written before.
func revealMany(vault vaultv1.RevealServiceClient, tokens []string) error {
	request := &vaultv1.BatchDetokenizeRequest{Tokens: tokens, Purpose: "payment"}
	reply, err := call(vault.BatchDetokenize, request)
	if err != nil {
		return err
	}
	for _, result := range reply.Results {
		if failure := result.GetError(); failure != nil {
			return status.FromProto(failure).Err()
		}
		charge(result.GetResponse())
	}
	return nil
}

func reveal(vault vaultv1.RevealServiceClient, token string) error {
	reply, err := call(vault.Detokenize, &vaultv1.DetokenizeRequest{Token: token, Purpose: "payment"})
	if err != nil {
		return err
	}
	charge(reply)
	return nil
}

// charge is where you would send the number on. Don't print it, nor a message that has it.
func charge(revealed *vaultv1.DetokenizeResponse) {
	number := revealed.Card.Number
	last4 := number[len(number)-4:]
	fmt.Printf("revealed: %s, %d digits, ending in %s\n", revealed.Masked.Token, len(number), last4)
}

// mayNotReveal tells refusals apart by their reason, a value of ErrorReason.
func mayNotReveal(vault vaultv1.RevealServiceClient, token string) error {
	_, err := call(vault.Detokenize, &vaultv1.DetokenizeRequest{Token: token, Purpose: "payment"})
	if err == nil {
		return errors.New("the application may reveal cards: look at the policy")
	}
	refused := status.Convert(err)
	switch reason(refused) {
	case vaultv1.ErrorReason_ERROR_REASON_PERMISSION_DENIED:
		fmt.Printf("refused: %s\n", reason(refused))
		return nil
	default:
		return err
	}
}

// call calls a method with the deadline.
func call[Q, R any](
	method func(context.Context, *Q, ...grpc.CallOption) (*R, error), request *Q,
) (*R, error) {
	ctx, cancel := context.WithTimeout(context.Background(), callDeadline)
	defer cancel()
	return method(ctx, request)
}

// newCard makes a request, with a new id each time: call it once a card, and keep it for retries.
func newCard(customer, number string) *vaultv1.TokenizeRequest {
	month, year := int32(12), int32(2030)
	return &vaultv1.TokenizeRequest{
		RequestId: newID(),
		Card:      &vaultv1.CardDetails{Number: number, ExpiryMonth: &month, ExpiryYear: &year},
		Customer:  customer,
	}
}

// newID returns a random UUID; most programs have a library for it.
func newID() string {
	var id [16]byte
	rand.Read(id[:])
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

func masked(what string, card *vaultv1.Card) string {
	return fmt.Sprintf("%s: %s, %s **** %s", what, card.Token, card.Brand, card.Last4)
}
