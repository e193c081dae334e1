; What clang makes of this C, in libbpf's style, with CO-RE:
;
;   struct task_struct {
;       char elsewhere[30000];
;       int pid;
;   } __attribute__((preserve_access_index));
;   SEC("tp_btf/sched_process_exit")
;   int on_exit(unsigned long *ctx)
;   {
;       (void)((volatile struct task_struct *)ctx[0])->pid;
;       return 0;
;   }
;
; No kernel's task_struct is that large: unless the access is relocated to where the
; pid is, the verifier refuses it.
target datalayout = "e-m:e-p:64:64-i64:64-i128:128-n32:64-S128"
target triple = "bpfel"

%struct.task_struct = type { [30000 x i8], i32 }

@_license = dso_local global [4 x i8] c"GPL\00", section "license", align 1

define dso_local i32 @on_exit(ptr %ctx) section "tp_btf/sched_process_exit" !dbg !10 {
  %task = load ptr, ptr %ctx, align 8, !dbg !20
  %address = call ptr @llvm.preserve.struct.access.index.p0.p0(ptr elementtype(%struct.task_struct) %task, i32 1, i32 0), !dbg !20, !llvm.preserve.access.index !14
  %pid = load i32, ptr %address, align 4, !dbg !20
  %result = and i32 %pid, 0, !dbg !20
  call void asm sideeffect "", "r"(i32 %pid), !dbg !20
  ret i32 %result, !dbg !20
}

declare ptr @llvm.preserve.struct.access.index.p0.p0(ptr, i32 immarg, i32 immarg)

!llvm.dbg.cu = !{!0}
!llvm.module.flags = !{!2, !3}
!0 = distinct !DICompileUnit(language: DW_LANG_C11, file: !1, producer: "clang", isOptimized: true, emissionKind: FullDebug)
!1 = !DIFile(filename: "core.c", directory: ".")
!2 = !{i32 7, !"Dwarf Version", i32 4}
!3 = !{i32 2, !"Debug Info Version", i32 3}
!10 = distinct !DISubprogram(name: "on_exit", scope: !1, file: !1, line: 6, type: !11, unit: !0, spFlags: DISPFlagDefinition | DISPFlagOptimized)
!11 = !DISubroutineType(types: !12)
!12 = !{!13, !16}
!13 = !DIBasicType(name: "int", size: 32, encoding: DW_ATE_signed)
!14 = distinct !DICompositeType(tag: DW_TAG_structure_type, name: "task_struct", file: !1, line: 1, size: 240032, elements: !15)
!15 = !{!18}
!16 = !DIDerivedType(tag: DW_TAG_pointer_type, baseType: !17, size: 64)
!17 = !DIBasicType(name: "unsigned long", size: 64, encoding: DW_ATE_unsigned)
!18 = !DIDerivedType(tag: DW_TAG_member, name: "pid", scope: !14, file: !1, line: 3, baseType: !13, size: 32, offset: 240000)
!20 = !DILocation(line: 8, scope: !10)
