target triple = "bpfel-unknown-none"
; Kernel functions as rustc cannot declare them: external, in the section .ksyms, with a type.
; The wrappers have no lines of their own: the calls get those of the programs.

declare !dbg !10 ptr @bpf_task_from_pid(i32) section ".ksyms"
declare !dbg !11 void @bpf_task_release(ptr) section ".ksyms"

define ptr @task_from_pid(i32 %pid) alwaysinline {
  %task = call ptr @bpf_task_from_pid(i32 %pid)
  ret ptr %task
}

define void @task_release(ptr %task) alwaysinline {
  call void @bpf_task_release(ptr %task)
  ret void
}

!llvm.dbg.cu = !{!0}
!llvm.module.flags = !{!2}

!0 = distinct !DICompileUnit(language: DW_LANG_C11, file: !1, producer: "by hand", isOptimized: true, runtimeVersion: 0, emissionKind: FullDebug)
!1 = !DIFile(filename: "kernel_functions.ll", directory: "programs")
!2 = !{i32 2, !"Debug Info Version", i32 3}
!3 = !DIBasicType(name: "int", size: 32, encoding: DW_ATE_signed)
!4 = !DICompositeType(tag: DW_TAG_structure_type, name: "task_struct", file: !1, size: 8, elements: !8)
!5 = !DIDerivedType(tag: DW_TAG_pointer_type, baseType: !4, size: 64)
!6 = !DISubroutineType(types: !{!5, !3})
!7 = !DISubroutineType(types: !{null, !5})
!8 = !{}
!10 = !DISubprogram(name: "bpf_task_from_pid", scope: !1, file: !1, line: 1, type: !6, spFlags: DISPFlagOptimized)
!11 = !DISubprogram(name: "bpf_task_release", scope: !1, file: !1, line: 2, type: !7, spFlags: DISPFlagOptimized)
