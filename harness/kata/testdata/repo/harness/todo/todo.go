package todo

import "errors"

var Err = errors.New("not written yet: replace the body marked TODO")
