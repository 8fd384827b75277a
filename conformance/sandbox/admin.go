package sandbox

import (
	"net"
	"net/http"
)

// admin serves the admin calls. system is the one whose port they come in by, "" on the admin port: there a call names it.
//
//	GET  /_sandbox/fault                                   → {"suishen":"off","suikang":"hang","hangzhou":"off"}
//	POST /_sandbox/fault {"system":"suikang","kind":"off"} → the same; {"error":"…"} if that is not known
//	GET  /_sandbox/capacity                                → {"suishen":0,"suikang":1000,"hangzhou":0}
//	POST /_sandbox/capacity {"system":"suikang","perSecond":0} → the same, or an error as above
func (s *Sandbox) admin(system string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_sandbox/fault", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, s.faultsNow())
	})
	mux.HandleFunc("POST /_sandbox/fault", func(w http.ResponseWriter, r *http.Request) { s.changeFault(w, r, system) })
	mux.HandleFunc("GET /_sandbox/capacity", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, s.capacitiesNow())
	})
	mux.HandleFunc("POST /_sandbox/capacity", func(w http.ResponseWriter, r *http.Request) { s.changeCapacity(w, r, system) })
	return localOnly(mux)
}

func (s *Sandbox) changeFault(w http.ResponseWriter, r *http.Request, system string) {
	ask := struct {
		System string `json:"system"`
		Kind   string `json:"kind"`
	}{System: system}
	bad := func(w http.ResponseWriter) { adminError(w, `send {"system":"…","kind":"…"}`) }
	if !readJSON(w, r, &ask, bad) {
		return
	}
	if err := s.SetFault(ask.System, ask.Kind); err != nil {
		adminError(w, err.Error())
		return
	}
	writeJSON(w, http.StatusOK, s.faultsNow())
}

func (s *Sandbox) faultsNow() map[string]string {
	kinds := make(map[string]string, len(systems))
	for _, id := range systems {
		kinds[id] = s.Fault(id)
	}
	return kinds
}

func (s *Sandbox) changeCapacity(w http.ResponseWriter, r *http.Request, system string) {
	ask := struct {
		System    string `json:"system"`
		PerSecond int    `json:"perSecond"`
	}{System: system}
	bad := func(w http.ResponseWriter) { adminError(w, `send {"system":"…","perSecond":1000}`) }
	if !readJSON(w, r, &ask, bad) {
		return
	}
	if err := s.SetCapacity(ask.System, ask.PerSecond); err != nil {
		adminError(w, err.Error())
		return
	}
	writeJSON(w, http.StatusOK, s.capacitiesNow())
}

func (s *Sandbox) capacitiesNow() map[string]int {
	capacities := make(map[string]int, len(systems))
	for _, id := range systems {
		capacities[id] = s.Capacity(id)
	}
	return capacities
}

func adminError(w http.ResponseWriter, what string) {
	writeJSON(w, http.StatusBadRequest, map[string]string{"error": what})
}

// localOnly keeps others out where a handler is mounted on a port that is not loopback.
func localOnly(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.RemoteAddr)
		if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
			http.Error(w, "only from this machine", http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
}
