; A classifier as a C compiler makes it without debug information: no BTF at all.
target triple = "bpfel"

@_license = dso_local global [4 x i8] c"GPL\00", section "license", align 1

define dso_local i32 @classify(i64 %context) section "tc" {
  ret i32 0
}
