package define_test

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/linker"
	"github.com/bufbuild/protocompile/parser"
	"github.com/bufbuild/protocompile/reporter"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/example/netkata/harness/rule"
	"github.com/example/netkata/harness/todo"
	"github.com/example/netkata/harness/wire"
	"github.com/example/netkata/katas/grpc/define"
)

//go:embed before.proto
var beforeProto string

// gone are the fields of Pod that the next version has no more.
var gone = []protoreflect.Name{"status", "replicas"}

// It compiles (protobuf, language guide).
func TestCompiles(t *testing.T) {
	r := rule.New(t, 1)
	f := pods(r)
	if f.Syntax() != protoreflect.Proto3 {
		r.Fatalf("pods.proto is not proto3. Its first line that is no comment should be:\n\n  syntax = \"proto3\";")
	}
}

// Package, service, method and messages (gRPC over HTTP/2, Path).
func TestNames(t *testing.T) {
	r := rule.New(t, 2)
	old, f := before(r), pods(r)
	if f.Package() != old.Package() {
		is := fmt.Sprintf("is package %s", f.Package())
		if f.Package() == "" {
			is = "has no package"
		}
		r.Fatalf("pods.proto %s, before.proto is package %s.\nWhoever calls /%s.PodService/ListPods would find nobody there.",
			is, old.Package(), old.Package())
	}
	for m := range all(old.Messages()) {
		if f.Messages().ByName(m.Name()) == nil {
			r.Errorf("pods.proto has no message %s at its top level; before.proto has.", m.Name())
		}
	}
	for s := range all(old.Services()) {
		if f.Services().ByName(s.Name()) == nil {
			r.Errorf("pods.proto has no service %s; before.proto has.", s.Name())
			continue
		}
		for m := range all(s.Methods()) {
			sameMethod(r, old, m, f, f.Services().ByName(s.Name()).Methods().ByName(m.Name()))
		}
	}
}

func sameMethod(r *rule.R, old *file, was protoreflect.MethodDescriptor, f *file, is protoreflect.MethodDescriptor) {
	r.T().Helper()
	switch {
	case is == nil:
		r.Errorf("%s has no method %s in pods.proto; in before.proto it has.", was.Parent().Name(), was.Name())
	case signature(is) != signature(was):
		why := ""
		if direction(is) != direction(was) {
			why = fmt.Sprintf("\n\nThis one streams %s; theirs streams %s.", direction(is), direction(was))
		}
		r.Errorf("%s\n\nis called by clients that have\n\n%s%s", f.at(is), old.at(was), why)
	}
}

// Fields that stay (protobuf, language guide, Updating A Message Type).
func TestKept(t *testing.T) {
	r := rule.New(t, 3)
	old, f := before(r), pods(r)
	for m := range all(old.Messages()) {
		next := message(r, f, m.Name())
		for was := range all(m.Fields()) {
			if slices.Contains(gone, was.Name()) {
				continue
			}
			if text := changed(f, next, was); text != "" {
				r.Errorf("%s\n\n%s", old.at(was), text)
			}
		}
	}
}

// changed says what became of a field, "" when it is what it was.
func changed(f *file, next protoreflect.MessageDescriptor, was protoreflect.FieldDescriptor) string {
	is := next.Fields().ByNumber(was.Number())
	moved := next.Fields().ByName(was.Name())
	switch {
	case is == nil && moved == nil:
		return fmt.Sprintf("is not in %s of pods.proto, under no number and no name.", next.Name())
	case is == nil:
		return fmt.Sprintf("has another number in\n\n%s\n\nBytes have no names: what one side writes as %d, the other looks for\nat %d.", f.at(moved), was.Number(), moved.Number())
	case is.Name() != was.Name() && moved == nil:
		return fmt.Sprintf("has another name in\n\n%s\n\nIn JSON and in everybody's code, a field goes by its name.", f.at(is))
	case is.Name() != was.Name():
		return fmt.Sprintf("has lost its number to\n\n%s\n\nand is, in pods.proto,\n\n%s\n\nBytes have no names: what is sent as one would be read as the other.", f.at(is), f.at(moved))
	case typeOf(is) != typeOf(was):
		return fmt.Sprintf("is of type %s in\n\n%s", typeOf(is), f.at(is))
	case is.JSONName() != was.JSONName():
		return fmt.Sprintf("is %q in JSON, and would be %q by\n\n%s", was.JSONName(), is.JSONName(), f.at(is))
	}
	return ""
}

// Numbers of what is gone (protobuf, language guide, Deleting Fields).
func TestGone(t *testing.T) {
	r := rule.New(t, 4)
	old, f := before(r), pods(r)
	pod := message(r, f, "Pod")
	for _, was := range goneFields(old) {
		if is := pod.Fields().ByName(was.Name()); is != nil && is.Number() == was.Number() {
			r.Errorf("Pod still has %s, which was to go:\n\n%s", was.Name(), f.at(is))
		} else if is := pod.Fields().ByNumber(was.Number()); is != nil {
			r.Errorf("%s\n\nhas a number that is taken, since last year, by\n\n%s\n\nOld servers go on sending that, and it is no %s.\nTake a number that Pod never had.",
				f.at(is), old.at(was), is.Name())
		}
	}
}

// Reserved numbers (buf, FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED).
func TestReservedNumbers(t *testing.T) {
	r := rule.New(t, 5)
	old, f := before(r), pods(r)
	pod := message(r, f, "Pod")
	for _, was := range goneFields(old) {
		if !pod.ReservedRanges().Has(was.Number()) {
			r.Errorf("%s\n\nis gone, and Pod in pods.proto does not reserve its number, %d.\nNext year, somebody will find that number free.%s",
				old.at(was), was.Number(), comment(f, pod))
		}
	}
}

// Reserved names (buf, FIELD_NO_DELETE_UNLESS_NAME_RESERVED).
func TestReservedNames(t *testing.T) {
	r := rule.New(t, 6)
	old, f := before(r), pods(r)
	pod := message(r, f, "Pod")
	for _, was := range goneFields(old) {
		if is := pod.Fields().ByJSONName(was.JSONName()); is != nil {
			r.Errorf("%s\n\nhas in JSON a name that is taken, since last year, by\n\n%s", f.at(is), old.at(was))
		} else if !pod.ReservedNames().Has(was.Name()) {
			r.Errorf("%s\n\nis gone, and Pod in pods.proto does not reserve its name, %q.\nAnother field of that name would be taken for it in JSON.", old.at(was), was.Name())
		}
	}
}

// comment says what a comment that only tells of numbers does not do.
func comment(f *file, pod protoreflect.MessageDescriptor) string {
	if pod.ReservedRanges().Len() == 0 && strings.Contains(f.text, "reserve") && pod.ReservedNames().Len() == 0 {
		return " A comment stops nobody."
	}
	return ""
}

// The phase of a pod (protobuf, language guide, Enumerations).
func TestPhase(t *testing.T) {
	r := rule.New(t, 7)
	f := pods(r)
	phase := singular(r, f, message(r, f, "Pod"), "phase", "enum Phase")
	if phase.Kind() != protoreflect.EnumKind || phase.Enum().Name() != "Phase" {
		r.Fatalf("%s\n\nis of type %s, want an enum that is called Phase.", f.at(phase), typeOf(phase))
	}
	together(r, f, phase, "name", "namespace")
	values(r, f, phase.Enum(), "PENDING", "RUNNING", "SUCCEEDED", "FAILED")
}

// Zero values and prefixes (buf, ENUM_ZERO_VALUE_SUFFIX, ENUM_VALUE_PREFIX and
// ENUM_NO_ALLOW_ALIAS).
func TestEnums(t *testing.T) {
	r := rule.New(t, 8)
	f := pods(r)
	enums := f.enums()
	if len(enums) == 0 {
		r.Fatalf("There is no enum in pods.proto.")
	}
	for _, e := range enums {
		prefix := upperSnake(string(e.Name())) + "_"
		names := map[protoreflect.EnumNumber]protoreflect.Name{}
		for v := range all(e.Values()) {
			other, twice := names[v.Number()]
			names[v.Number()] = v.Name()
			switch {
			case twice:
				r.Errorf("%s\n\nhas the number of %s: in bytes, nobody can tell them apart.", f.at(v), other)
			case v.Number() == 0 && !strings.HasSuffix(string(v.Name()), "_UNSPECIFIED"):
				r.Errorf("%s\n\nis what %s is where nobody has set it, and in all that was written before\nthere was such a field. Want 0 to mean that: %sUNSPECIFIED.", f.at(v), e.Name(), prefix)
			case !beginsWith(v, e):
				r.Errorf("%s\n\nshould begin with the name of its enum, %s: two enums beside each other\ncannot both have %s.", f.at(v), prefix, v.Name())
			}
		}
	}
}

// beginsWith reports whether a value begins with the name of its enum, wherever
// that is cut into words: IPFamily is IP_FAMILY, and IPv4 may be IPV4 or I_PV4.
func beginsWith(v protoreflect.EnumValueDescriptor, e protoreflect.EnumDescriptor) bool {
	value, enum := strings.ToUpper(string(v.Name())), strings.ToUpper(string(e.Name()))
	for i, c := range value {
		if c == '_' && strings.ReplaceAll(value[:i], "_", "") == strings.ReplaceAll(enum, "_", "") {
			return true
		}
	}
	return false
}

// When a pod was created (AIP-142).
func TestCreateTime(t *testing.T) {
	r := rule.New(t, 9)
	f := pods(r)
	created := singular(r, f, message(r, f, "Pod"), "create_time", "google.protobuf.Timestamp")
	if typeOf(created) != "google.protobuf.Timestamp" {
		r.Errorf("%s\n\nis of type %s, want google.protobuf.Timestamp. A number does not say\nwhat it counts, and a string not how it is written.", f.at(created), typeOf(created))
	}
	together(r, f, created, "name", "namespace", "phase")
}

// Labels (protobuf, language guide, Maps).
func TestLabels(t *testing.T) {
	r := rule.New(t, 10)
	f := pods(r)
	labels := field(r, f, message(r, f, "Pod"), "labels", "map<string, string>")
	if typeOf(labels) != "map<string, string>" {
		r.Errorf("%s\n\nis of type %s, want map<string, string>.\nThere, each label can be but once.", f.at(labels), typeOf(labels))
	}
}

// Pages (AIP-158).
func TestPages(t *testing.T) {
	r := rule.New(t, 11)
	f := pods(r)
	for _, want := range []struct{ message, field, typ protoreflect.Name }{
		{"ListPodsRequest", "page_size", "int32"},
		{"ListPodsRequest", "page_token", "string"},
		{"ListPodsResponse", "next_page_token", "string"},
	} {
		got := singular(r, f, message(r, f, want.message), want.field, string(want.typ))
		if typeOf(got) != string(want.typ) {
			r.Errorf("%s\n\nis of type %s, want %s.", f.at(got), typeOf(got), want.typ)
		}
		together(r, f, got, "namespace", "page_size")
	}
}

// A server stream (gRPC, core concepts, Server streaming RPC).
func TestWatch(t *testing.T) {
	r := rule.New(t, 12)
	f := pods(r)
	watch := watchPods(r, f)
	if !watch.IsStreamingServer() || watch.IsStreamingClient() {
		r.Errorf("%s\n\nstreams %s.\nWant one request, and then responses for as long as the client listens.", f.at(watch), direction(watch))
	}
}

func direction(m protoreflect.MethodDescriptor) string {
	switch {
	case m.IsStreamingClient() && m.IsStreamingServer():
		return "both ways"
	case m.IsStreamingClient():
		return "requests, not responses"
	case m.IsStreamingServer():
		return "responses"
	}
	return "nothing: it has one request and one response"
}

// Requests and responses (buf, RPC_REQUEST_STANDARD_NAME,
// RPC_RESPONSE_STANDARD_NAME and RPC_REQUEST_RESPONSE_UNIQUE).
func TestOwnMessages(t *testing.T) {
	r := rule.New(t, 13)
	f := pods(r)
	watchPods(r, f)
	owner := map[protoreflect.FullName]protoreflect.MethodDescriptor{}
	for s := range all(f.Services()) {
		for m := range all(s.Methods()) {
			ownMessage(r, f, m, m.Input(), "Request", "takes")
			ownMessage(r, f, m, m.Output(), "Response", "returns")
			for _, of := range []protoreflect.MessageDescriptor{m.Input(), m.Output()} {
				if other := owner[of.FullName()]; other != nil && other != m {
					r.Errorf("%s\n\nhas %s in common with %s of %s:\n\n%s\n\nWant a message of its own.", f.at(m), of.Name(), other.Name(), other.Parent().Name(), f.at(other))
				}
				owner[of.FullName()] = m
			}
		}
	}
}

func ownMessage(r *rule.R, f *file, of protoreflect.MethodDescriptor, m protoreflect.MessageDescriptor, suffix, does string) {
	r.T().Helper()
	short := capital(of) + suffix
	long := string(of.Parent().Name()) + short
	if name := capital(m); m.ParentFile().Path() != f.Path() || name != short && name != long {
		r.Errorf("%s\n\n%s %s, want a message of its own, %s:\nwhat one method needs one day, nothing else should have to carry.", f.at(of), does, m.Name(), short)
	}
}

// capital returns a name with a capital, without which it is for TestStyle.
func capital(d protoreflect.Descriptor) string {
	name := string(d.Name())
	return strings.ToUpper(name[:1]) + name[1:]
}

// What is watched (Kubernetes, watch.Event).
func TestEvent(t *testing.T) {
	r := rule.New(t, 14)
	f := pods(r)
	watch := watchPods(r, f)
	namespace := singular(r, f, watch.Input(), "namespace", "string")
	if typeOf(namespace) != "string" {
		r.Errorf("%s\n\nis of type %s, want string.", f.at(namespace), typeOf(namespace))
	}
	pod := singular(r, f, watch.Output(), "pod", "Pod")
	if typeOf(pod) != "Pod" {
		r.Errorf("%s\n\nis of type %s, want Pod.", f.at(pod), typeOf(pod))
	}
	typ := singular(r, f, watch.Output(), "type", "an enum")
	if typ.Kind() != protoreflect.EnumKind {
		r.Fatalf("%s\n\nis of type %s, want an enum.", f.at(typ), typeOf(typ))
	}
	together(r, f, typ, "pod")
	values(r, f, typ.Enum(), "ADDED", "MODIFIED", "DELETED")
}

// Names (buf, STANDARD).
func TestStyle(t *testing.T) {
	r := rule.New(t, 15)
	f := pods(r)
	for d := range f.walk() {
		if want := style(d); want != "" {
			r.Errorf("%s\n\nshould have %s.", f.at(d), want)
		}
	}
	for _, warning := range f.warnings {
		r.Errorf("%s", warning)
	}
}

var (
	camelCase      = regexp.MustCompile(`^[A-Z][A-Za-z0-9]*$`)
	snakeCase      = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	upperSnakeCase = regexp.MustCompile(`^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$`)
)

// style says how something should be called, "" when it is.
func style(d protoreflect.Descriptor) string {
	name := string(d.Name())
	switch d := d.(type) {
	case protoreflect.FieldDescriptor:
		if !snakeCase.MatchString(name) {
			return "a name in lower_snake_case, as fields have"
		}
	case protoreflect.OneofDescriptor:
		if !d.IsSynthetic() && !snakeCase.MatchString(name) {
			return "a name in lower_snake_case, as oneofs have"
		}
	case protoreflect.EnumValueDescriptor:
		if !upperSnakeCase.MatchString(name) {
			return "a name in UPPER_SNAKE_CASE, as values have"
		}
	case protoreflect.ServiceDescriptor:
		if !camelCase.MatchString(name) || !strings.HasSuffix(name, "Service") {
			return "a name in CamelCase that ends in Service"
		}
	default:
		if !camelCase.MatchString(name) {
			return "a name in CamelCase, as messages, enums and methods have"
		}
	}
	return ""
}

// What a program of last year wrote, this one reads.
func TestOldBytes(t *testing.T) {
	r := rule.New(t, 16)
	old, f := before(r), pods(r)
	for name, golden := range map[protoreflect.Name]string{
		"ListPodsRequest":  "grpc/define/request.hex",
		"ListPodsResponse": "grpc/define/response.hex",
	} {
		bytes := wire.Load(t, golden)
		was := dynamicpb.NewMessage(message(r, old, name))
		is := dynamicpb.NewMessage(message(r, f, name))
		unmarshal(r, was, bytes.Msg, "before.proto")
		unmarshal(r, is, bytes.Msg, "pods.proto")
		if text := differ(was, is, true); text != "" {
			r.Fatalf("This %s was written by a program of last year. One with\npods.proto reads it otherwise: %s\n\n%s", name, text, bytes.Dump())
		}
		back := dynamicpb.NewMessage(message(r, old, name))
		unmarshal(r, back, marshal(r, is), "before.proto")
		if !proto.Equal(was, back) {
			r.Fatalf("A program with pods.proto read this %s and sent it on. What arrived:\n\n%v\n\nwhat was sent:\n\n%v", name, back, was)
		}
	}
}

// What this one writes, a program of last year reads, and hands on.
func TestNewBytes(t *testing.T) {
	r := rule.New(t, 16)
	old, f := before(r), pods(r)
	for _, name := range []protoreflect.Name{"ListPodsRequest", "ListPodsResponse"} {
		is := dynamicpb.NewMessage(message(r, f, name))
		fill(is, 0)
		bytes := marshal(r, is)
		was := dynamicpb.NewMessage(message(r, old, name))
		unmarshal(r, was, bytes, "before.proto")
		if text := differ(was, is, false); text != "" {
			r.Fatalf("This %s was written with pods.proto, with something in every\nfield. A program of last year reads it otherwise: %s\n\n%s", name, text, wire.Protobuf(bytes).Dump())
		}
		back := dynamicpb.NewMessage(message(r, f, name))
		unmarshal(r, back, marshal(r, was), "pods.proto")
		if !proto.Equal(is, back) {
			r.Fatalf("A program of last year read this %s and sent it on. What arrived:\n\n%v\n\nwhat was sent:\n\n%v", name, back, is)
		}
	}
}

// differ says where the two versions read one message otherwise, and "" when
// they agree. What was and is no more is nothing for the new version; what the
// new version alone has is nothing for the old one.
func differ(was, is protoreflect.Message, byOld bool) string {
	for fd := range all(was.Descriptor().Fields()) {
		next := is.Descriptor().Fields().ByName(fd.Name())
		switch {
		case next == nil && (byOld || !was.Has(fd)):
			continue
		case next == nil:
			return fmt.Sprintf("%s is %v, which nobody wrote.", fd.Name(), was.Get(fd))
		case fd.IsList() != next.IsList():
			return fmt.Sprintf("%s is of another type (rule 3).", fd.Name())
		case fd.IsList():
			if text := differLists(fd, was.Get(fd).List(), is.Get(next).List(), byOld); text != "" {
				return text
			}
			continue
		}
		wrote, read := is.Get(next), was.Get(fd)
		if byOld {
			wrote, read = read, wrote
		}
		if wrote.String() != read.String() {
			return fmt.Sprintf("%s is %q, which was written as %q.", fd.Name(), read, wrote)
		}
	}
	for fd := range all(is.Descriptor().Fields()) {
		if byOld && is.Has(fd) && was.Descriptor().Fields().ByName(fd.Name()) == nil {
			return fmt.Sprintf("%s is %v, which nobody wrote.", fd.Name(), is.Get(fd))
		}
	}
	return ""
}

func differLists(fd protoreflect.FieldDescriptor, was, is protoreflect.List, byOld bool) string {
	if was.Len() != is.Len() {
		return fmt.Sprintf("there are %d and not %d %s.", is.Len(), was.Len(), fd.Name())
	}
	for i := range was.Len() {
		if text := differ(was.Get(i).Message(), is.Get(i).Message(), byOld); text != "" {
			return fmt.Sprintf("in %s[%d], %s", fd.Name(), i, text)
		}
	}
	return ""
}

// deepest is how far fill goes into messages that may hold themselves.
const deepest = 4

// fill puts something into every field.
func fill(m protoreflect.Message, depth int) {
	for fd := range all(m.Descriptor().Fields()) {
		switch {
		case fd.IsMap():
			value := m.NewField(fd).Map().NewValue()
			if fd.MapValue().Message() == nil {
				value = scalar(fd.MapValue())
			} else if depth < deepest {
				fill(value.Message(), depth+1)
			}
			m.Mutable(fd).Map().Set(scalar(fd.MapKey()).MapKey(), value)
		case fd.IsList() && fd.Message() == nil:
			m.Mutable(fd).List().Append(scalar(fd))
		case fd.Message() == nil:
			m.Set(fd, scalar(fd))
		case depth == deepest:
		case fd.IsList():
			fill(m.Mutable(fd).List().AppendMutable().Message(), depth+1)
		default:
			fill(m.Mutable(fd).Message(), depth+1)
		}
	}
}

// scalar returns something other than zero for a field.
func scalar(fd protoreflect.FieldDescriptor) protoreflect.Value {
	switch fd.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.EnumKind:
		values := fd.Enum().Values()
		return protoreflect.ValueOfEnum(values.Get(values.Len() - 1).Number())
	case protoreflect.StringKind:
		return protoreflect.ValueOfString("a " + string(fd.Name()))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte(fd.Name()))
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(1.5)
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(1.5)
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(7)
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(7)
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(7)
	}
	return protoreflect.ValueOfInt64(7)
}

func marshal(r *rule.R, m proto.Message) []byte {
	r.T().Helper()
	bytes, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		r.Fatalf("A message with something in every field cannot be written: %v", err)
	}
	return bytes
}

func unmarshal(r *rule.R, m *dynamicpb.Message, bytes []byte, by string) {
	r.T().Helper()
	if err := proto.Unmarshal(bytes, m); err != nil {
		r.Fatalf("By %s, this is no %s: %v\n\n%s", by, m.Descriptor().Name(), err, wire.Protobuf(bytes).Dump())
	}
}

// file is a .proto that compiles.
type file struct {
	protoreflect.FileDescriptor
	text     string
	warnings []string
}

// before returns what clients in the field were made from.
func before(r *rule.R) *file {
	r.T().Helper()
	f := compile(r, "before.proto", beforeProto)
	var fields []string
	for m := range all(f.Messages()) {
		for fd := range all(m.Fields()) {
			fields = append(fields, fmt.Sprintf("  %s: %s %s = %d", m.Name(), typeOf(fd), fd.Name(), fd.Number()))
		}
	}
	slices.Sort(fields)
	if got := strings.Join(fields, "\n"); got != lastYear || f.Services().ByName("PodService") == nil {
		r.Fatalf("before.proto has been changed. Clients in the field go on speaking what it was:\nwrite pods.proto, and bring back before.proto (git restore, or by hand). Its fields are\n\n%s\n\nand were\n\n%s", got, lastYear)
	}
	return f
}

// lastYear is what the fields of before.proto are, sorted.
const lastYear = `  ListPodsRequest: string namespace = 1
  ListPodsResponse: repeated Pod pods = 1
  Pod: int32 replicas = 4
  Pod: string name = 1
  Pod: string namespace = 2
  Pod: string status = 3`

// pods returns what the learner wrote, if it is more than nothing.
func pods(r *rule.R) *file {
	r.T().Helper()
	f := compile(r, "pods.proto", define.Proto)
	if f.Messages().Len()+f.Services().Len() == 0 {
		r.Fatalf("%v.\n\nIn pods.proto there is no message and no service.", todo.Err)
	}
	return f
}

// timestampFile declares google.protobuf.Timestamp.
const timestampFile = "google/protobuf/timestamp.proto"

// mostErrors is how many errors of the compiler are told.
const mostErrors = 3

// compile compiles a text, which may import what protoc brings along.
func compile(r *rule.R, name, text string) *file {
	r.T().Helper()
	f := &file{text: text}
	var faults []string
	c := protocompile.Compiler{
		Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{
			Accessor: protocompile.SourceAccessorFromMap(map[string]string{name: text}),
		}),
		SourceInfoMode: protocompile.SourceInfoStandard,
		Reporter: reporter.NewReporter(
			func(err reporter.ErrorWithPos) error { faults = append(faults, place(text, err)); return nil },
			func(err reporter.ErrorWithPos) {
				if errors.Is(err, parser.ErrNoSyntax) { // without that line, nothing means what it should
					faults = append(faults, place(text, err))
				} else if unused := linker.ErrorUnusedImport(nil); errors.As(err, &unused) {
					f.warnings = append(f.warnings, place(text, err))
				}
			}),
	}
	r.Do(func() string { return "the compiler reads " + name }, func() {
		files, err := c.Compile(context.Background(), name)
		if at := reporter.ErrorWithPos(nil); errors.As(err, &at) {
			faults = append(faults, place(text, at))
		} else if err != nil && len(faults) == 0 {
			faults = append(faults, err.Error())
		}
		if len(files) > 0 {
			f.FileDescriptor = files[0]
		}
	})
	if n := len(faults); n > 0 {
		more := ""
		if n > mostErrors {
			more = fmt.Sprintf("\n\nAnd %d more.", n-mostErrors)
		}
		if strings.Contains(strings.Join(faults, ""), "google.protobuf.Timestamp") && !strings.Contains(text, timestampFile) {
			more += fmt.Sprintf("\n\nTimestamp is imported:\n\n  import %q;", timestampFile)
		}
		if !proto3Line.MatchString(text) {
			more += "\n\nIts first line that is no comment should be:\n\n  syntax = \"proto3\";"
		}
		r.Fatalf("%s does not compile:\n\n%s%s", name, strings.Join(faults[:min(n, mostErrors)], "\n\n"), more)
	}
	return f
}

var proto3Line = regexp.MustCompile(`(?m)^\s*syntax\s*=\s*["']proto3["']`)

// place shows what the compiler says with the line that it is about.
func place(text string, err reporter.ErrorWithPos) string {
	pos := err.GetPosition()
	said := fmt.Sprintf("%s:%d:%d: %v", pos.Filename, pos.Line, pos.Col, err.Unwrap())
	lines := strings.Split(text, "\n")
	if pos.Line < 1 || pos.Line > len(lines) {
		return said
	}
	line := strings.TrimRight(lines[pos.Line-1], "\r")
	before := line[:min(max(0, pos.Col-1), len(line))]
	indent := strings.Map(func(c rune) rune {
		if c != '\t' {
			c = ' '
		}
		return c
	}, before)
	return fmt.Sprintf("%s\n  %s\n  %s^", said, line, indent)
}

// at shows the line in which something is declared: "pods.proto:7: string name = 1;".
func (f *file) at(d protoreflect.Descriptor) string {
	loc := f.SourceLocations().ByDescriptor(d)
	if d.ParentFile().Path() != f.Path() || loc.Path == nil {
		return fmt.Sprintf("  %s: %s", d.ParentFile().Path(), d.FullName())
	}
	line := strings.TrimSpace(strings.Split(f.text, "\n")[loc.StartLine])
	return fmt.Sprintf("  %s:%d: %s", f.Path(), loc.StartLine+1, line)
}

// message returns a message of the top level.
func message(r *rule.R, f *file, name protoreflect.Name) protoreflect.MessageDescriptor {
	r.T().Helper()
	m := f.Messages().ByName(name)
	if m == nil {
		r.Fatalf("%s has no message %s at its top level.", f.Path(), name)
	}
	return m
}

// field returns the field of that name.
func field(r *rule.R, f *file, m protoreflect.MessageDescriptor, name protoreflect.Name, want string) protoreflect.FieldDescriptor {
	r.T().Helper()
	got := m.Fields().ByName(name)
	if got != nil {
		return got
	}
	fields := m.Fields()
	for i := range fields.Len() {
		if other := fields.Get(i); strings.EqualFold(other.JSONName(), strings.ReplaceAll(string(name), "_", "")) {
			r.Fatalf("%s\n\nshould be called %s.", f.at(other), name)
		}
	}
	r.Fatalf("%s has no field %s (%s).", m.Name(), name, want)
	return nil
}

// singular returns the field of that name, of which there is no list.
func singular(r *rule.R, f *file, m protoreflect.MessageDescriptor, name protoreflect.Name, want string) protoreflect.FieldDescriptor {
	r.T().Helper()
	got := field(r, f, m, name, want)
	if got.Cardinality() == protoreflect.Repeated {
		r.Fatalf("%s\n\nis of type %s, want one and not many.", f.at(got), typeOf(got))
	}
	return got
}

// together wants a field to be in no oneof with one of these.
func together(r *rule.R, f *file, fd protoreflect.FieldDescriptor, others ...protoreflect.Name) {
	r.T().Helper()
	of := fd.ContainingOneof()
	if of == nil {
		return
	}
	for _, name := range others {
		if other := of.Fields().ByName(name); other != nil && other != fd {
			r.Fatalf("%s\n%s\n\nare in one oneof: of the two, only one can be set.", f.at(fd), f.at(other))
		}
	}
}

// values wants an enum to have values that end so; what stands in front of
// that is another rule's affair.
func values(r *rule.R, f *file, e protoreflect.EnumDescriptor, want ...string) {
	r.T().Helper()
	for _, w := range want {
		found := false
		for v := range all(e.Values()) {
			name := strings.ToUpper(string(v.Name()))
			found = found || name == w || strings.HasSuffix(name, "_"+w)
		}
		if !found {
			var names []string
			for v := range all(e.Values()) {
				names = append(names, string(v.Name()))
			}
			r.Errorf("%s\n\nhas no value for %s, %s_%s. Its values are\n%s.", f.at(e), w, upperSnake(string(e.Name())), w, strings.Join(names, ", "))
		}
	}
}

// watchPods returns the method that streams.
func watchPods(r *rule.R, f *file) protoreflect.MethodDescriptor {
	r.T().Helper()
	s := f.Services().ByName("PodService")
	if s == nil || s.Methods().ByName("WatchPods") == nil {
		r.Fatalf("PodService has no method WatchPods.")
	}
	return s.Methods().ByName("WatchPods")
}

// goneFields returns the fields that are no more, as they were.
func goneFields(old *file) []protoreflect.FieldDescriptor {
	var fields []protoreflect.FieldDescriptor
	for _, name := range gone {
		fields = append(fields, old.Messages().ByName("Pod").Fields().ByName(name))
	}
	return fields
}

// typeOf spells the type of a field: "repeated Pod", "map<string, string>". A
// type of this package is spelled without it.
func typeOf(fd protoreflect.FieldDescriptor) string {
	var name string
	switch {
	case fd.IsMap():
		return fmt.Sprintf("map<%s, %s>", typeOf(fd.MapKey()), typeOf(fd.MapValue()))
	case fd.Kind() == protoreflect.EnumKind:
		name = string(fd.Enum().FullName())
	case fd.Message() != nil:
		name = string(fd.Message().FullName())
	default:
		name = fd.Kind().String()
	}
	name = strings.TrimPrefix(name, string(fd.ParentFile().Package())+".")
	if fd.IsList() {
		name = "repeated " + name
	}
	return name
}

// signature spells what a method takes and returns.
func signature(m protoreflect.MethodDescriptor) string {
	return fmt.Sprint(m.IsStreamingClient(), m.Input().FullName(), m.IsStreamingServer(), m.Output().FullName())
}

// upperSnake spells a CamelCase name as values begin with it.
func upperSnake(name string) string {
	for _, end := range wordEnds {
		name = end.ReplaceAllString(name, "${1}_${2}")
	}
	return strings.ToUpper(name)
}

// wordEnds are where a word ends: PodPhase, IPFamily.
var wordEnds = []*regexp.Regexp{
	regexp.MustCompile(`([a-z0-9])([A-Z])`),
	regexp.MustCompile(`([A-Z])([A-Z][a-z])`),
}

// enums returns all enums, those inside messages too.
func (f *file) enums() []protoreflect.EnumDescriptor {
	var enums []protoreflect.EnumDescriptor
	for d := range f.walk() {
		if e, ok := d.(protoreflect.EnumDescriptor); ok {
			enums = append(enums, e)
		}
	}
	return enums
}

// walk yields all that has a name and is declared in the file.
func (f *file) walk() func(yield func(protoreflect.Descriptor) bool) {
	return func(yield func(protoreflect.Descriptor) bool) {
		for s := range all(f.Services()) {
			if !yield(s) || !each(s.Methods(), yield) {
				return
			}
		}
		_ = walkEnums(f.Enums(), yield) && each(f.Extensions(), yield) && walkMessages(f.Messages(), yield)
	}
}

func walkMessages(list protoreflect.MessageDescriptors, yield func(protoreflect.Descriptor) bool) bool {
	for m := range all(list) {
		if m.IsMapEntry() {
			continue
		}
		if !yield(m) || !each(m.Fields(), yield) || !each(m.Oneofs(), yield) ||
			!walkEnums(m.Enums(), yield) || !each(m.Extensions(), yield) || !walkMessages(m.Messages(), yield) {
			return false
		}
	}
	return true
}

func walkEnums(list protoreflect.EnumDescriptors, yield func(protoreflect.Descriptor) bool) bool {
	for e := range all(list) {
		if !yield(e) || !each(e.Values(), yield) {
			return false
		}
	}
	return true
}

func each[D protoreflect.Descriptor](list list[D], yield func(protoreflect.Descriptor) bool) bool {
	for d := range all(list) {
		if !yield(d) {
			return false
		}
	}
	return true
}

// list is what protoreflect's lists have in common.
type list[D any] interface {
	Len() int
	Get(int) D
}

// all yields the elements of a list.
func all[D any](l list[D]) func(yield func(D) bool) {
	return func(yield func(D) bool) {
		for i := range l.Len() {
			if !yield(l.Get(i)) {
				return
			}
		}
	}
}
