package jsonata

// nodeKind tells what a node is.
type nodeKind uint8

const (
	nodeName nodeKind = iota
	nodeString
	nodeNumber
	nodeConstant // true, false, null
	nodeVariable
	nodeRegex
	nodeWildcard
	nodeDescendants
	nodeParent
	nodeBinary
	nodeNegate
	nodeArray
	nodeObject
	nodeBlock
	nodeCondition
	nodeBind
	nodeCall
	nodePartial
	nodePlaceholder
	nodeLambda
	nodeApply
	nodeTransform
	nodeSort
	nodePath

	// What the parser makes and resolve replaces.
	nodeDot
	nodeFilter
	nodeGroup
	nodeOrder
	nodeFocus
	nodeIndex
)

// A node is one part of an expression. It is not changed after resolve, so that
// any number of evaluations can share it.
type node struct {
	kind     nodeKind
	pos      int
	text     string // a name, a string, an operator, a variable without its $
	num      float64
	constant value
	regex    *regex

	left, right *node
	third       *node   // else of a condition, delete of a transform
	items       []*node // elements, statements, arguments, parameters, steps
	pairs       []pair  // of an object
	terms       []term  // of a sort

	body      *node      // of a lambda
	signature *signature // of a lambda

	group  *node   // {…} after the node: a nodeObject
	filter []stage // [ ] after the node, where it stands alone
	stages []stage // [ ] and # after the node, where it is a step of a path

	keepArray     bool // [] follows
	binds         bool // a block with variables of its own
	keepSingleton bool // on a path: one of its steps has keepArray
	constructs    bool // an array constructor at the end of a path, which is not flattened

	// Bindings of a step make its path a stream of tuples.
	focus    string // @$name
	index    string // #$name
	ancestor *slot  // a % further on means this step's context
	tuple    bool

	slot    *slot   // of a %
	seeking []*slot // slots of % whose step is further out
}

// A pair is a key and a value of an object constructor.
type pair struct{ key, value *node }

// A term is one criterion of a sort.
type term struct {
	by         *node
	descending bool
}

// A stage is a filter after a step, or a binding of the position at that point.
type stage struct {
	filter *node
	index  string
}

// A slot connects a % with the step whose context it means: the variable label
// holds it.
type slot struct {
	label string
	level int
}
